"""What operators deploy: image, Compose, chart, units. Each test skips without its tool."""
