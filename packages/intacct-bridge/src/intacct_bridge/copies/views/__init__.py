"""Reporting on a copy: views that turn the tables of a company into ledgers, statements, ageing and budgets."""
