"""What the office itself keeps: users, their sign-ins, notes, the audit log. It outlives the projections."""
