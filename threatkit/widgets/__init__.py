"""Widgets: what is worked with live in a notebook. Each leaves a figure or a table where no widget can be shown."""
