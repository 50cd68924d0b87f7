.PHONY: v8

# Stages the distribution's V8 in target/v8 (under a second when it is there).
v8:
	@.v8/provision.sh
