"""The administration API, ``/v1/admin/…``: what the dashboard can do, for programs with a token.

operation    what one route is: method, address, right, parameters, what it takes and answers
members      what several of them show alike
changes      what is another thing at the latest check
people       people, how they are reached, retiring, erasing     devices      device keys
evidence     what was received, byte for byte                    invites      invitations, singly and from lists
fleet        numbers                                             programs     programs and policies
waivers      those that were approved                        proposals    those that wait
users        who may look at the dashboard
tokens       API tokens                                          webhooks     receivers and messages
letters      the mail server and letters                         calls        call-backs
record       events
routes       every operation in one list, as routes; nothing else is one
machine      the routes of agents, described
openapi      both lists as an OpenAPI document
"""
