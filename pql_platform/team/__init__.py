"""Who gets a lead and when they work: the directory of the sales team."""
