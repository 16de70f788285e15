"""Reflex's configuration. Everything a user may choose is a setting of the studio instead."""

import reflex as rx

from clone_studio.settings import settings_or_exit

settings = settings_or_exit()
# As soon as it knows a Redis, Reflex keeps the state of open pages there. One process keeps it in
# memory, which is quicker and does not depend on Redis; several have to share it.
shared = settings.redis_url if settings.workers > 1 else None

config = rx.Config(
    app_name="clone_studio",
    backend_host=settings.host,
    cors_allowed_origins=list(settings.allowed_origins),
    # The manager that is Reflex's default would leave state on the disk, readable to everybody.
    state_manager_mode="redis" if shared else "memory",
    redis_url=shared.get_secret_value() if shared else None,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    # No Radix theme: the studio has its own styles. No sitemap: every page is private.
    plugins=[],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
