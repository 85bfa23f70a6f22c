"""What a command line offers: known before anything is imported that takes long.  The rooms that do it take it from here."""

# of every public data set, in the order of the table; a test compares it with mmseg_fundus.datasets.sources
PUBLIC_SETS = ('DRIVE', 'STARE', 'CHASE_DB1', 'HRF', 'FIVES')
SOURCES_GROUP = 'mmseg_fundus.sources'  # entry points of installed packages that register further ones when they are imported

# of predictions: what is written of a photograph, and the suffix of its file
OUTPUTS = {
    **{
        'mask': 'png',
        'probability': 'png',
        'overlay': 'jpg',
        'fov': 'png',
        'measurements': 'json',
        'uncertainty': 'png',
        'segments': 'csv',
    },
    'index': 'html',
}
FORMATS = ('png', 'npz')  # of probability and uncertainty

ENGINES = ('torch', 'onnx')  # that compute a prediction

OPSET = 17  # of ONNX: the first with LayerNormalization

MOST_PICTURES = 50  # of a report: best, and worst; more would be thumbnails

# of the benchmark: what is measured, and in which unit
UNITS = {
    'step': 'ms a picture',
    'epoch': 's',
    'validation': 'ms a picture',
    'inference': 'ms a picture',
    'memory': 'MB',
    'checkpoint': 'MB',
}

PEER_SETS = ('DRIVE', 'CHASE_DB1', 'HRF')  # whose photographs' sizes are predicted by peers

# of the probe of an encoder
COMPARED = ('Dice', 'AUC-ROC', 'AUC-PR', 'clDice')  # figures
CROPS = 320  # drawn in an epoch
