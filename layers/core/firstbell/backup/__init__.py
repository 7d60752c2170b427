"""Backups: today the database's snapshots; the files of moodledata are not copied yet."""
