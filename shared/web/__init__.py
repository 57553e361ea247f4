"""What our HTTP interfaces for operators share: problems, the gate in front of the routes, the pages of the documentation."""
