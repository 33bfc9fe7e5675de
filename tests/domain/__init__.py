"""Tests of the pure rules; nothing here touches a database, a clock or a network."""
