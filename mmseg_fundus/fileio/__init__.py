"""Files that nobody vouches for, read without running anything in them; and files that are whole or not there.

- ``safe_load``: a torch checkpoint or a safetensors file; ``archive``, ``unpickler``, ``plain_objects``, ``contents`` are its parts.
- ``tensor_file``: safetensors, read and written.
- ``download``: a file from an http(s) address.
- ``reading``: bytes, plain or gzipped, and JSON, with bounds.
- ``find``: files that a command names, and ``pictures``: photographs by their names; neither imports torch.
- ``checksum``: digests of bytes, tensors and files.
- ``whole_files``: writing a file so that it is never half there.
- ``record_folder``: arrays on disk that many processes share.
- ``cache_folder``: where what can be made again is kept.

Nothing here knows what the files are for.  docs/files.md says what is refused.
"""
