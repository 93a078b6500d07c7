"""How Streamlit is set: nothing is sent home, nothing is watched, and a light and a dark theme."""

from typing import Any

from streamlit import config

from spark_app.web.look import OKABE_ITO

_PLAIN: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.showWarningOnDirectExecution": False,
    "logger.hideWelcomeMessage": True,
    "logger.level": "critical",
    "runner.magicEnabled": False,
    "server.baseUrlPath": "",
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 10,
    "server.showEmailPrompt": False,
}
# The ink is at least 7:1 on its ground, and what can be pressed 4.5:1.
_LIGHT = {
    "primaryColor": "#0061a8", "backgroundColor": "#ffffff", "secondaryBackgroundColor": "#f2f5f8",
    "textColor": "#1f2933", "codeTextColor": "#1f2933", "linkColor": "#0061a8", "borderColor": "#d5dbe1",
}  # fmt: skip
_DARK = {
    "primaryColor": "#56b4e9", "backgroundColor": "#12181f", "secondaryBackgroundColor": "#1c252e",
    "textColor": "#e6ebf0", "codeTextColor": "#e6ebf0", "linkColor": "#7cc6f2", "borderColor": "#37434f",
}  # fmt: skip
_BOTH: dict[str, Any] = {"baseRadius": "small", "font": "sans-serif", "codeFont": "monospace", "showWidgetBorder": True}
_BOTH |= {"headingFontSizes": ["2rem", "1.4rem", "1.2rem"], "headingFontWeights": [600, 600, 600]}


def apply() -> None:
    """Set all of it; what stands in a file of the user's own Streamlit does not count."""
    themes = {"theme.light": _LIGHT, "theme.dark": _DARK}
    for section, colours in themes.items():
        for name, value in colours.items():
            config.set_option(f"{section}.{name}", value)
    for name, both in (_BOTH | {"chartCategoricalColors": list(OKABE_ITO)}).items():
        config.set_option(f"theme.{name}", both)
    for name, given in _PLAIN.items():
        config.set_option(name, given)
