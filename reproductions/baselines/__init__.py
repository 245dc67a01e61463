"""Methods that several papers are held against and that are no paper here."""
