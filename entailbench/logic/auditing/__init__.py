"""What is right and wrong with the labels of a data set: verdicts, the rows' lag, its repair, and the report."""
