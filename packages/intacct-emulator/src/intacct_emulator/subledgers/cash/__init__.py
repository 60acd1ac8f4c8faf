"""Bank accounts and deposits."""
