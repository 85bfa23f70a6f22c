"""What a command does before it begins: its options are read, the files that they name are looked for, errors become one line.

Nothing here imports torch or an OpenMMLab package until :func:`.run.load` is called, so ``--help`` and a wrong path answer at once.  The
package itself must not have registered everything: tools/_setup.py sets ``MMSEG_FUNDUS_REGISTER=later`` before it imports it.
"""
