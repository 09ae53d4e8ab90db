UV ?= .uv/bin/uv
