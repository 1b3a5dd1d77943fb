"""Power loss: what a machine that loses it would keep of what was written, as images to look at."""
