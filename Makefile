# The same words serve people and CI. Every one of them first sets up what is missing in .venv.
#   make test  ROS=kilted               ROS 2 Kilted instead of Jazzy, in .venv-kilted: what uses ROS
#   make demo  VIDEO=path BOX=x,y,w,h   another video and what to follow in it
#   make demo  DASHBOARD=1              play it for ever, and choose the target in the browser
#   make test  ARGS="-k boxes"          arguments for pytest
#   make bench ARGS="--quick"           arguments for siammask bench
#   TORCH=cpu | cuda                    which build of torch; by default what fits the machine
#   PYTHON=python3.12                   which Python makes .venv

PYTHON ?= python3
ROS ?= jazzy
export ROS
# What another distribution could change; the rest is the same code and runs once, on Jazzy.
TESTS_jazzy :=
TESTS_kilted := test/ros test/faults test/test_packaging.py test/test_setup_env.py
RUN := $(PYTHON) tools/setup_env.py --run

.PHONY: help setup demo test bench check clean

help:
	@grep -E '^#|^[a-z]+:' Makefile

setup:
	@$(PYTHON) tools/setup_env.py

demo:
	@$(RUN) siammask demo $(if $(VIDEO),--video "$(VIDEO)") $(if $(BOX),--box "$(BOX)") $(if $(DASHBOARD),--dashboard)

test:
	@$(RUN) python -m pytest $(TESTS_$(ROS)) $(ARGS)

bench:
	@$(RUN) siammask bench $(ARGS)

check:
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) python -m pytest -q \
		test/test_architecture.py test/test_packaging.py test/test_parameters_page.py test/test_words.py test/test_unsafe_code.py \
		test/test_no_secrets.py

# What make and its programs made here, but not the results in out/ and runs/.
clean:
	rm -rf .venv .venv-kilted build install log dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
