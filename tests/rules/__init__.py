"""Tests of the tables of derivatives."""
