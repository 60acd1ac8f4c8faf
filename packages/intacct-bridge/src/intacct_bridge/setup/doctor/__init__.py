"""The doctor: the set-up checks, their findings, and the letter to the administrator."""
