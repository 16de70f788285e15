"""Reflex's configuration. Everything a user may choose is a setting of the studio instead."""

import reflex as rx

from clone_studio.settings import settings_or_exit

settings = settings_or_exit()

config = rx.Config(
    app_name="clone_studio",
    backend_host=settings.host,
    cors_allowed_origins=list(settings.allowed_origins),
    # One process keeps state in memory; the disk manager would leave it readable to everybody.
    state_manager_mode="memory",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    # No Radix theme: the studio has its own styles. No sitemap: every page is private.
    plugins=[],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
