"""Given names for generated puzzles: none is an English word that the puzzles use."""

GIVEN_NAMES: tuple[str, ...] = tuple(
    """
    Ada Aisha Alma Amir Anders Anika Aroha Bela Bruno Carla Chidi Clara Dalia Daniel Dmitri Edith Elif Emeka Esther
    Farid Felix Fiona Gita Greta Hana Hugo Ines Ivan Jamal Joana Jonas Kaori Karim Keiko Lars Leila Linh Lucia Malik
    Marta Matteo Mei Mina Nadia Nils Noor Olga Omar Otto Paulo Petra Priya Rafael Ravi Rosa Samir Selma Sofia Stefan
    Tariq Thandi Tomas Uma Vera Viktor Wanda Xavier Yara Yusuf Zainab Zoran
    """.split()  # noqa: SIM905 - a literal tuple would be 71 lines
)
