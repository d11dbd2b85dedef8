def knows(c):
    return False
