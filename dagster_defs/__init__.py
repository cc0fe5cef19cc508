"""Dagster runs armlift: Kedro outputs as assets, schedules, drift sensors."""
