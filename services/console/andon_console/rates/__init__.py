"""The two rates, live, and the budgets they are held against."""
