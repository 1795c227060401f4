"""Moving in: logs of other log stores, brought into a data folder whose server is stopped."""
