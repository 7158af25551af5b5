"""The dashboard: pages for people, rendered here, that work without scripts. Nobody sees data without a session.

site        what the pages share: who visits, templates, forms, who may do what
dashboard   every group of pages, in one list; a new group is one file and one name there

people      /                     people with verdict, filters as addresses
            /people/{id}          one person's checks
erasures    /people/{id}/erase    erasing a person, and the proof of it
devices     /devices/{kid}        one key: whose place it took, what it signed
evidence    /evidence/{digest}    everything about one evidence
programs    /programs[/{id}]      programs, policies, invitations
            /new-program · /programs/{id}/settings
events      /events               what was changed, what looks like an attack
calls       /calls                who waits to be called, and the code to play
administration  /administration   the way to what only administrators do
users       /users[/{name}]       users: roles, sessions, tokens; locked and removed
webhooks    /webhooks[/{id}]      whose servers are told, and what became of the messages
account     /account              one's own password, second factor, sessions and API tokens
session     /sign-in[/{token}]    in and out
public      /invite/{code} · /problems/{reason} · /static/{name}      no session
"""
