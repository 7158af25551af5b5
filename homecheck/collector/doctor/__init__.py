"""What is wrong with this installation, and what to do: each part looked at by itself, none of it guessed.

diagnosis   one thing that was looked at      storage      database, disk, journal
secrets     keys and the log's promise        address      certificate, clock, the way in, responders
upkeep      backups, audits, retention        examination  all of them, in order
"""
