"""`homecheck ui`: the check as a guided page in the browser, for one person on this computer.

    cli/ui.py → serve → app (routes, gate) → sitting ─┬→ job: one step's probes, in a thread
                                                      ├→ dialogue: what probes ask, answered by forms
                                                      └→ shares, handover: signed, judged, sent; as `homecheck check`

Pages are made here and work as plain forms; one small script shows live values. Nothing comes from elsewhere.
"""
