"""The commands `waterline lake …`: one file each, put together by `group`."""
