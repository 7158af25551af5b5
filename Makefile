# Two commands for a newcomer: `make run` shows this machine measured, `make test` proves the program.
.PHONY: run test check clean

# Everything needed is set up, then the main job on this machine; `make run KEEP=1` leaves the dashboard open.
run:
	@sh tools/setup run
	@.venv/bin/homecheck demo $(if $(KEEP),--keep)

# Everything needed is set up, then all checks and all tests; CI runs exactly this.
test:
	@sh tools/setup test
	@sh tools/check
	@.venv/bin/python tools/tests.py

# What needs no running program: format, lint, types on three systems, import direction.
check:
	@sh tools/setup test
	@sh tools/check

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
