# CPU:   docker build -t mmseg_fundus .
# CUDA:  docker build -t mmseg_fundus --build-arg BASE=nvidia/cuda:12.6.3-base-ubuntu24.04 --build-arg TORCH_INDEX=https://pypi.org/simple .
# Then:  docker run --rm -v "$PWD:/work" mmseg_fundus predict eyes -o vessels      (CUDA: --gpus all; training: --shm-size 8g)
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PATH=/opt/venv/bin:$PATH
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends git libgl1 libglib2.0-0 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY . /opt/mmseg_fundus
# torch first: a later install keeps it
# hadolint ignore=DL3013
RUN python3 -m venv /opt/venv \
    && pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision \
    && pip install --no-cache-dir '/opt/mmseg_fundus[mm,export]'
WORKDIR /work
ENTRYPOINT ["fundus-vessels"]
CMD ["--help"]
