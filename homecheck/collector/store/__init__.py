"""All SQL. One module per kind of row; functions take a connection, return frozen values, and never print.

    schema     the tables                    database   opening, reading, and one transaction at a time
    writer     many writers, one commit      settings   who this collector is
    programs   programs, policies, responders            people     people, invitations, device keys
    evidence   what was received             users      who may look, links and sessions
    events     what an administrator did, and what looks like an attack

Times are RFC 3339 texts in UTC with milliseconds, which sort as they are. Secrets that others hold (invitation codes,
sign-in links, sessions) are stored as SHA-256 and cannot be read back.
"""
