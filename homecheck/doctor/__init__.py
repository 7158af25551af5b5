"""Whether this computer has everything that a check needs, and what mends what it has not.

troubles      everything that can be found wrong, each with its fix: docs/troubleshooting.md is written from it
diagnosis     one thing that was looked at          examination   all of them, in order
installation  Python, packages, libraries           sound         PortAudio, sound service, microphones, permission
state         folder, disk, spool                   device_keys   enrolments and their keys
route         proxy, name, connection               certificate   who vouches for the collector
collector     what answers there, clock             instances     another homecheck, the schedule

Nothing is changed, nothing is measured, and nobody is asked but the collectors that this computer is enrolled with.
"""
