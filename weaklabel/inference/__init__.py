"""The mathematics, on arrays only: E-steps, tables, EM. No vote matrix, data frame or file."""
