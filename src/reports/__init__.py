"""One run, one page: `report.html`."""
