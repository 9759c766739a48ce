# SPDX-License-Identifier: GPL-3.0-or-later
"""Clicking masks: a capture is opened, prompted frame by frame, propagated, corrected and closed.

``session.py`` is the state, ``process.py`` the process it lives in (a model that crashes must not take the service
along), ``host.py`` the service's end of the pipe. Requests are ``masks_*`` in ``protocol/requests.py``.
"""
