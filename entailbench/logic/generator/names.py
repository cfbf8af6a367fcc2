"""Given names of many origins; none is an English word, and none begins another."""

from __future__ import annotations

__all__ = ["NAMES", "PRONOUNS"]

_WOMEN = """
Adaeze Agnieszka Aigul Ailsa Aisha Alejandra Amina Anahera Anika Anouk Aroha Asuka Astrid Aylin Beatriz Berit Bronwen
Camila Chiara Chloe Ciara Cristina Dalia Danuta Divya Dunja Ebru Edith Efua Eilidh Ekaterina Elif Esther Ewa Farah Fatou
Fernanda Fiona Freya Gabriela Gita Giulia Greta Gulnara Hana Heidi Helga Ikram Ilse Imani Indira Ines Ingrid Irena
Ivana Izabela Jelena Junko Kamala Kaori Katarina Keiko Khadija Lakshmi Latifa Leilani Linh Ludmila Lupita Maeve Mariam
Marta Meera Milena Miriam Moana Monika Nadia Naledi Natsuki Nuria Oksana Olga Paloma Parisa Petra Priya Rania Renata
Roksana Rosalia Saoirse Selma Shirin Sigrid Silvia Sinead Sofia Sunita Svetlana Tamar Tatiana Thandi Ulrika Urszula
Valentina Wanjiru Ximena Yael Yara Yasmin Yelena Yoko Zahra Zainab Zeynep Zsofia Zuri
"""
_MEN = """
Abebe Ahmet Akira Alvaro Amadou Amaru Amir Anders Arash Arjun Aslan Ayodele Baraka Behrouz Benedikt Bilal Bogdan
Borislav Bruno Carlos Cedric Chidi Daichi Dario Dewi Diego Dimitri Eero Emeka Emre Enzo Farid Felix Femi
Giorgos Goran Guillermo Gustavo Hakan Hamza Haruto Hassan Hiroshi Hugo Ibrahim Isamu Jamal Jarek Javier Jomo Jorge
Juhani Karim Kenji Kofi Kwame Lars Lorenzo Luca Magnus Mahmoud Makoto Malik Manuel Marek Mateus Matteo Mehmet Mihai Minh
Musa Nikhil Nikolai Nils Obinna Omar Orhan Otto Pablo Paolo Pavel Pedro Pekka Piotr Quan Rachid Rafael Ravi Roberto
Rune Ryota Samir Sandeep Santiago Sergei Sibusiso Soren Stefan Taavi Tadesse Takumi Tariq Temesgen Thiago Tiberiu
Tomasz Tuan Tunde Umut Vasilis Vikram Viktor Vusi Wojciech Xavier Yanni Yusuf Zoltan
"""

PRONOUNS = {name: pronoun for names, pronoun in ((_WOMEN, "she"), (_MEN, "he")) for name in names.split()}
NAMES: tuple[str, ...] = tuple(sorted(PRONOUNS))
