"""The provider's side: signature, paytable, books, comparison, rollback cycle, and plays against a small operator."""
