# A browser for the tests of the pages. It is looked for once; it may be named: CHROMIUM=/path.

.PHONY: browser
browser: $(VENV)/browser

# Only a browser that was found is remembered: without one, each run says so.
$(VENV)/browser: $(VENV)/dev tests/browser/install.py
	@CHROMIUM='$(CHROMIUM)' $(PY) -m tests.browser.install --mark $@

.PHONY: pictures
pictures: $(VENV)/dev browser ## take the pictures of README.md and docs/ again, in about a minute
	@CHROMIUM='$(CHROMIUM)' $(PY) -m mk.pictures
