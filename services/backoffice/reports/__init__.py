"""Reports: stakes, wins and what is left, one definition for every page, export and route."""
