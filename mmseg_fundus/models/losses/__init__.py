from .vessel_loss import VesselLoss, vessel_cross_entropy, vessel_dice_loss

__all__ = ['VesselLoss', 'vessel_cross_entropy', 'vessel_dice_loss']
