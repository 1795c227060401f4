"""Jobs that change or check archives, a file each, and what several of them share.

The jobs are run, rewrite, remove, tidy, prune, verify, restore, rebuild, upload, import_v2, count;
each is done by hand or in a process, such as `__main__`, that of the server's runs. The other files
are shared: run_options, exclusive, early_clock, priority, comparison, remote_manifests,
replaced_objects and restored_folder.
"""
