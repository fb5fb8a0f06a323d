# Every target that needs Python sets up `.venv` first; nothing else is installed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DIGITS := examples/digits

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

.PHONY: demo
demo: $(VENV)/installed ## lower the digits example, run it before and after, compare
	$(BIN)/python examples/digits/demo.py

.PHONY: test
test: $(VENV)/installed ## run all tests: pytest, then lit
	$(BIN)/python -m pytest --quiet
	$(BIN)/lit --quiet filecheck

.PHONY: bench
bench: $(VENV)/installed-dev ## time the tools, the lowering and the interpreters beside others
	$(BIN)/python bench/sima_opt.py
	$(BIN)/python bench/interpreters.py

# Pyright checks a copy: it does not follow an editable install.
.PHONY: lint
lint: $(VENV)/installed-dev ## format, lint and type-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target build/typecheck .
	$(BIN)/pyright

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# A copy, because mutmut takes a file's path for the name of its module.
.PHONY: mutants
mutants: $(VENV)/installed-dev ## mutate quantization/ and see which mutants the tests let pass
	rm -rf build/mutants
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    --target build/mutants .
	cp -R pyproject.toml tests build/mutants
	cd build/mutants && nice $(abspath $(BIN))/mutmut run --max-children 1
	$(BIN)/python bench/mutants.py build/mutants

.PHONY: examples
examples: $(VENV)/installed ## write the IR of the examples anew
	$(BIN)/sima-opt $(DIGITS)/digits_int8.tflite -o $(DIGITS)/digits.qnn.mlir
	$(BIN)/sima-opt $(DIGITS)/digits.qnn.mlir -p convert-qnn-to-sima -o $(DIGITS)/digits.sima.mlir
	$(BIN)/sima-opt $(DIGITS)/digits_qdq.onnx -o $(DIGITS)/digits_qdq.qnn.mlir
	$(BIN)/sima-opt $(DIGITS)/digits_qdq.qnn.mlir -p convert-qnn-to-sima \
	    -o $(DIGITS)/digits_qdq.sima.mlir

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info
