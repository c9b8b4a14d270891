SELECT vote, voters FROM tallies
