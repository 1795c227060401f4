"""The tile in JupyterLab's launcher that opens the dashboard, under whatever address Jupyter has.

jupyter-server-proxy finds it by an entry point, starts the dashboard when the tile is opened, and
passes on what comes to the path of its name.
"""

import os
from pathlib import Path
from typing import Final

from workbench.running.panel import START_SECONDS, panel_command

_ICON: Final = Path(__file__).with_name("tile.svg")


def tile() -> dict[str, object]:
    """Return the tile, as `jupyter_server_proxy.config.ServerProcess` takes it.

    The dashboard shows the data folder of the settings: WATERLINE_DATA, waterline.toml, or `data`
    where Jupyter was started.
    """
    own_address = "127.0.0.1:{port}"
    return {
        "command": panel_command(),
        "environment": {
            **os.environ,
            "WATERLINE_HOST": "127.0.0.1",
            "WATERLINE_DASHBOARD_PORT": "{port}",
        },
        "timeout": START_SECONDS,
        # Jupyter knows who may come, and from which page: it checks token and origin before it
        # passes anything on. The dashboard would refuse the name that Jupyter is reached by.
        "request_headers_override": {
            "Host": own_address,
            "Origin": f"http://{own_address}",
        },
        "new_browser_tab": False,
        "launcher_entry": {
            "title": "Waterline",
            "path_info": "waterline/dashboard",
            "icon_path": str(_ICON),
            # Of other categories JupyterLab shows no picture.
            "category": "Notebook",
        },
    }
