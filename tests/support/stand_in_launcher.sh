#!/bin/sh
# A stand-in for Google's flex-template launcher, which is not public. It does what is documented of it: python3 runs the
# program that FLEX_TEMPLATE_PYTHON_PY_FILE names with the job's arguments; a requirements or a setup file, where the
# environment names one, is handed on, and would be installed at every start.
set -eu
: "${FLEX_TEMPLATE_PYTHON_PY_FILE:?is not set: the image says which program a template is}"
[ -z "${FLEX_TEMPLATE_PYTHON_REQUIREMENTS_FILE:-}" ] || set -- "--requirements_file=$FLEX_TEMPLATE_PYTHON_REQUIREMENTS_FILE" "$@"
[ -z "${FLEX_TEMPLATE_PYTHON_SETUP_FILE:-}" ] || set -- "--setup_file=$FLEX_TEMPLATE_PYTHON_SETUP_FILE" "$@"
exec python3 "$FLEX_TEMPLATE_PYTHON_PY_FILE" "$@"
