"""What settings are worth, tried on the driver before the final hold-out, and what is learnt from that.

    terms                   settings -> the equations that they ask for
    trials  rating_trials   what they are worth for lists; for ratings
    choice                  trials -> settings in which nothing is left open
"""
