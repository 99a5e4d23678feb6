"""What a rule is handed: the check, the place where one stands, what was done."""
