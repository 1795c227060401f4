"""The commands `waterline archive …`: one file each, put together by `group`."""
